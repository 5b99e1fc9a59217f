// Part sums of dw[t, c, o] = Σ x[input under tap t of a place, c] · dy[place, o] over places.
//
// A thread owns one tap, DEPTH channels, WIDTH channel blocks of outputs and one of SPLITS runs of rows.
//
// Where threads of a vector can give each other numbers (see `gemm.wgsl`), they differ in taps and channels alone: each reads
// a partial of dy for all of them, and goes through the padding, too, so that none waits.

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size($SIZE)
#use subgroup_main
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let split = thread / $(UNITS*BLOCKS);
    if (split >= $SPLITS) {
        return;
    }
#if SUBGROUP_SIZE
    let unit = min(thread % $UNITS, $(KERNEL_Y*KERNEL_X*GROUPS-1)u);
    let block = thread / $UNITS % $BLOCKS;
    let own = min(subgroup_invocation / $WIDTH, $(PLACES-1)u);
    let own_block = subgroup_invocation % $WIDTH;
#else
    let unit = thread / $BLOCKS % $UNITS;
    let block = thread % $BLOCKS;
#end
    let depth = unit % $GROUPS;
    let tap = unit / $GROUPS;
    let tap_y = i32(tap / $KERNEL_X) - $PADDING;
    let tap_x = i32(tap % $KERNEL_X) - $PADDING;
#for i in 0..DEPTH
#for j in 0..WIDTH
    var s$(i)_$j = vec4f();
#end
#end
#if SUBGROUP_SIZE
    let places = params.count * $(OUT_HEIGHT*OUT_WIDTH);
    let per = ((places + $(SPLITS-1)) / $SPLITS + $(PLACES-1)) / $PLACES * $PLACES;
    let last = min(places, (split + 1) * per);
    for (var first = split * per; first < last; first += $PLACES) {
        let share = dy[(model * $(IMAGES*OUT_HEIGHT*OUT_WIDTH) + min(first + own, places - 1)) * $OUT_BLOCKS + block * $WIDTH + own_block];
#for p in 0..PLACES
        let y$p = i32((first + $p) / $OUT_WIDTH % $OUT_HEIGHT) * $STRIDE + tap_y;
        let x$p = i32((first + $p) % $OUT_WIDTH) * $STRIDE + tap_x;
        let ok$p = y$p >= 0 && y$p < $HEIGHT && x$p >= 0 && x$p < $IN_WIDTH && first + $p < last;
        let line$p = i32(model * $IMAGES + (first + $p) / $(OUT_HEIGHT*OUT_WIDTH)) * $HEIGHT + y$p;
        let at$p = u32(select(0, line$p * $IN_WIDTH + x$p, ok$p)) * $IN_BLOCKS + depth * $((DEPTH+3)/4);
#for q in 0..(DEPTH+3)/4
        let x$(p)_$q = select(vec4f(), load(x[at$p + $q]), ok$p);
#end
#for j in 0..WIDTH
        let d$(p)_$j = subgroupBroadcast(share, $(p*WIDTH+j)u);
#end
#for i in 0..DEPTH
#for j in 0..WIDTH
        s$(i)_$j = fma(vec4f(x$(p)_$(i/4)[$(i%4)]), d$(p)_$j, s$(i)_$j);
#end
#end
#end
    }
    if (thread % $UNITS > unit) {
        return;
    }
#else
    // The columns whose input lies in the image, not in the padding.
    let start = u32(max(0, -tap_x + $(STRIDE-1)) / $STRIDE);
    let stop = u32(clamp(($IN_WIDTH - tap_x + $(STRIDE-1)) / $STRIDE, 0, $OUT_WIDTH));
    let rows = params.count * $OUT_HEIGHT;
    let per = (rows + $(SPLITS-1)) / $SPLITS;
    let last = min(rows, (split + 1) * per);
    for (var r = split * per; r < last; r++) {
        let in_y = i32(r % $OUT_HEIGHT) * $STRIDE + tap_y;
        if (in_y < 0 || in_y >= $HEIGHT) {
            continue;
        }
        let line = i32(model * $IMAGES + r / $OUT_HEIGHT) * $HEIGHT + in_y;
        for (var u = start; u < stop; u++) {
            let at = u32(line * $IN_WIDTH + i32(u) * $STRIDE + tap_x) * $IN_BLOCKS + depth * $((DEPTH+3)/4);
            let here = ((model * $(IMAGES*OUT_HEIGHT) + r) * $OUT_WIDTH + u) * $OUT_BLOCKS + block * $WIDTH;
#for q in 0..(DEPTH+3)/4
            let x$q = load(x[at + $q]);
#end
#for j in 0..WIDTH
            let d$j = dy[here + $j];
#end
#for i in 0..DEPTH
#for j in 0..WIDTH
            s$(i)_$j = fma(vec4f(x$(i/4)[$(i%4)]), d$j, s$(i)_$j);
#end
#end
        }
    }
#end
    let to_part = model * $PARTIAL + ((split * $(KERNEL_Y*KERNEL_X) + tap) * $(GROUPS*DEPTH) + depth * $DEPTH) * $OUT_BLOCKS + block * $WIDTH;
#for i in 0..DEPTH
#for j in 0..WIDTH
    partial[to_part + $(i*OUT_BLOCKS+j)] = s$(i)_$j;
#end
#end
}
