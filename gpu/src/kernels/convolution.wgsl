// y[place, o] = Σ x[input under tap t of the place, c] · w[t, c, o] over taps and channels: convolutions and linear
// layers forward, and, gathered, backward to their inputs. A product of matrices whose left one is never written down.
//
// A thread beyond the last place reads what that one reads and writes nothing, and the SUBGROUP_SIZE threads of a vector read the
// weights for each other: see `gemm.wgsl`.
//
// A thread owns PIXELS places and WIDTH channel blocks of channels. Along an edge, place p = class + DIVIDE·u reads input
// i = MULTIPLY·u + SIGN·a + base under its tap first + DIVIDE·a. Forward there is one class; backward through a stride
// of DIVIDE the places of a class meet the same taps.
//
// Where a batch norm reads what it gives, a workgroup leaves the mean and the squares of its places, while it has them.

#if BACKWARD
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
#end
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
#if FULL
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
#else
@group(0) @binding(3) var<storage, read_write> y: array<ChannelBlock>;
#end
#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
#end
#if MOMENTS
@group(0) @binding($(4+BIAS)) var<storage, read_write> partial: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
#use subgroup_main
    let model = model_of(group);
    let params = pass_params[model];
    let first = thread_of(group, local) * $PIXELS;
    let column = (group.y % $BLOCKS) * $WIDTH;
    let total = params.count * $(ROWS*COLUMNS);
    let last = max(total, 1) - 1;
    let class_y = i32(group.y / $BLOCKS % $(DIVIDE*DIVIDE)) / $DIVIDE;
    let class_x = i32(group.y / $BLOCKS) % $DIVIDE;
#if BACKWARD
    let tap_y = (class_y + $PADDING) % $DIVIDE;
    let tap_x = (class_x + $PADDING) % $DIVIDE;
    let base_y = (class_y + $PADDING) / $DIVIDE;
    let base_x = (class_x + $PADDING) / $DIVIDE;
#else
    let tap_y = 0i;
    let tap_x = 0i;
    let base_y = -$(PADDING)i;
    let base_x = -$(PADDING)i;
#end
#for i in 0..PIXELS
    let p$i = min(first + $i, last);
    let u$i = i32(p$i / $COLUMNS % $ROWS);
    let v$i = i32(p$i % $COLUMNS);
    let image$i = i32(model * $IMAGES + p$i / $(ROWS*COLUMNS));
    let row$i = u$i * $MULTIPLY + base_y;
    let left$i = v$i * $MULTIPLY + base_x;
#for j in 0..WIDTH
    var s$(i)_$j = vec4f();
#end
#end
#use subgroup_weights
    for (var a = 0i; tap_y + a * $DIVIDE < $KERNEL_Y; a++) {
#for i in 0..PIXELS
        let y$i = row$i + $SIGN * a;
        let in$i = y$i >= 0 && y$i < $HEIGHT;
        let line$i = (image$i * $HEIGHT + y$i) * $IN_WIDTH;
#end
        for (var b = 0i; tap_x + b * $DIVIDE < $KERNEL_X; b++) {
            let tap = (tap_y + a * $DIVIDE) * $KERNEL_X + tap_x + b * $DIVIDE;
            var at = model * $PACKED + u32(tap) * $(DEPTH*IN_BLOCKS*OUT_BLOCKS) + column;
#for i in 0..PIXELS
            let x$i = left$i + $SIGN * b;
            let ok$i = in$i && x$i >= 0 && x$i < $IN_WIDTH;
            let from$i = u32(select(0, line$i + x$i, ok$i)) * $IN_BLOCKS;
#end
            for (var q = 0u; q < $IN_BLOCKS; q++) {
#for i in 0..PIXELS
#if BACKWARD
                let c$i = select(vec4f(), x[from$i + q], ok$i);
#else
                let c$i = select(vec4f(), load(x[from$i + q]), ok$i);
#end
#end
#use subgroup_products
            }
        }
    }
#for i in 0..PIXELS
#if BACKWARD
    let to_y$i = u$i * $DIVIDE + class_y;
    let to_x$i = v$i * $DIVIDE + class_x;
    if (first + $i < total && to_y$i < $OUT_HEIGHT && to_x$i < $OUT_WIDTH) {
        let to = u32((image$i * $OUT_HEIGHT + to_y$i) * $OUT_WIDTH + to_x$i) * $OUT_BLOCKS + column;
#else
    if (first + $i < total) {
        let to = (model * $(IMAGES*ROWS*COLUMNS) + p$i) * $OUT_BLOCKS + column;
#end
#for j in 0..WIDTH
#if BIAS
        s$(i)_$j += bias[model * $PACKED + column + $j];
#end
#if RELU
        s$(i)_$j = select(s$(i)_$j, vec4f(), s$(i)_$j < vec4f());
#end
#if ACCUMULATE
        s$(i)_$j += y[to + $j];
#end
#if FULL
        y[to + $j] = s$(i)_$j;
#else
        y[to + $j] = store(s$(i)_$j);
#end
#end
    }
#end
#if MOMENTS
    // Of what is stored, which may have fewer bits.
    let places = clamp(total, first, first + $PIXELS) - first;
#for j in 0..WIDTH
    var sum$j = vec4f();
#for i in 0..PIXELS
    let n$(i)_$j = load(store(s$(i)_$j));
    sum$j += select(vec4f(), n$(i)_$j, $i < places);
#end
    let mean$j = sum$j / f32(max(places, 1));
    var squares$j = vec4f();
#for i in 0..PIXELS
    let d$(i)_$j = select(vec4f(), n$(i)_$j - mean$j, $i < places);
    squares$j = fma(d$(i)_$j, d$(i)_$j, squares$j);
#end
    means[$(j*SIZE) + local] = mean$j;
    squares[$(j*SIZE) + local] = squares$j;
#end
    let run = thread_of(group, local) / $SIZE;
    let start = run * $(SIZE*PIXELS);
    join(local, clamp(total, start, start + $(SIZE*PIXELS)) - start);
    if (local == 0 && start < total) {
#for j in 0..WIDTH
        let to$j = model * $PARTIAL + (run * $OUT_BLOCKS + column + $j) * 2;
        partial[to$j] = means[$(j*SIZE)];
        partial[to$j + 1] = squares[$(j*SIZE)];
#end
    }
#end
}
