// Part sums of dw[t, c, o] = Σ x[input under tap t of a place, c] · dy[place, o] over places.
//
// A thread owns one tap, DEPTH channels, WIDTH quads of outputs and one of SPLITS runs of rows.

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> part: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
    let split = thread / $(KERNEL_Y*KERNEL_X*GROUPS*BLOCKS);
    if (split >= $SPLITS) {
        return;
    }
    let block = thread % $BLOCKS;
    let depth = thread / $BLOCKS % $GROUPS;
    let tap = thread / $(BLOCKS*GROUPS) % $(KERNEL_Y*KERNEL_X);
    let tap_y = i32(tap / $KERNEL_X) - $PADDING;
    let tap_x = i32(tap % $KERNEL_X) - $PADDING;
    // The columns whose input lies in the image, not in the padding.
    let start = u32(max(0, -tap_x + $(STRIDE-1)) / $STRIDE);
    let stop = u32(clamp(($IN_WIDTH - tap_x + $(STRIDE-1)) / $STRIDE, 0, $OUT_WIDTH));
    let rows = record.count * $OUT_HEIGHT;
    let per = (rows + $(SPLITS-1)) / $SPLITS;
    let last = min(rows, (split + 1) * per);
#for i in 0..DEPTH
#for j in 0..WIDTH
    var s$(i)_$j = vec4f();
#end
#end
    for (var r = split * per; r < last; r++) {
        let in_y = i32(r % $OUT_HEIGHT) * $STRIDE + tap_y;
        if (in_y < 0 || in_y >= $HEIGHT) {
            continue;
        }
        let line = i32(lane * $IMAGES + r / $OUT_HEIGHT) * $HEIGHT + in_y;
        for (var u = start; u < stop; u++) {
            let at = u32(line * $IN_WIDTH + i32(u) * $STRIDE + tap_x) * $QUADS + depth * $((DEPTH+3)/4);
            let here = ((lane * $(IMAGES*OUT_HEIGHT) + r) * $OUT_WIDTH + u) * $OUT_QUADS + block * $WIDTH;
#for q in 0..(DEPTH+3)/4
            let x$q = x[at + $q];
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
    let to_part = lane * $PART + ((split * $(KERNEL_Y*KERNEL_X) + tap) * $(GROUPS*DEPTH) + depth * $DEPTH) * $OUT_QUADS + block * $WIDTH;
#for i in 0..DEPTH
#for j in 0..WIDTH
    part[to_part + $(i*OUT_QUADS+j)] = s$(i)_$j;
#end
#end
}
