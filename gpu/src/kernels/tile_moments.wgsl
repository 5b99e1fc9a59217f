#if MOMENTS
// Means and sums of squares around them, of WIDTH channel blocks of channels over the places of threads.
var<workgroup> means: array<vec4f, $(SIZE*WIDTH)>;
var<workgroup> squares: array<vec4f, $(SIZE*WIDTH)>;

// Joins those of a workgroup's threads in a fixed tree (Chan et al. 1979); the first thread has them then. Each thread has
// PIXELS of `places` places, the last ones fewer or none.
fn join(local: u32, places: u32) {
    for (var width = 1u; width < $SIZE; width <<= 1) {
        workgroupBarrier();
        if (local % (2 * width) == 0) {
            let first = local * $PIXELS;
            let all = clamp(places, first, first + 2 * width * $PIXELS) - first;
            let mine = min(all, width * $PIXELS);
            let share = f32(all - mine) / f32(max(all, 1));
#for j in 0..WIDTH
            let d$j = means[$(j*SIZE) + local + width] - means[$(j*SIZE) + local];
            means[$(j*SIZE) + local] += share * d$j;
            squares[$(j*SIZE) + local] += squares[$(j*SIZE) + local + width] + share * f32(mine) * d$j * d$j;
#end
        }
    }
}
#end
