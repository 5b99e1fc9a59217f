// Mean and centred sum of squares of WIDTH channel blocks over the positions of a workgroup.

#import prelude
#import multiply_add

// Of each invocation, block j at j * WORKGROUP_SIZE.
var<workgroup> means: array<vec4f, WORKGROUP_SIZE * WIDTH>;
var<workgroup> squares: array<vec4f, WORKGROUP_SIZE * WIDTH>;

// Combines the moments of all invocations in a fixed tree (Chan et al. 1979). The result is that of invocation 0. An
// invocation has POSITIONS of the workgroup's positions; the last ones have fewer, or none.
fn combine_moments(local: u32, positions: u32) {
    for (var width = 1u; width < WORKGROUP_SIZE; width <<= 1) {
        workgroupBarrier();
        if (local % (2 * width) == 0) {
            let first = local * POSITIONS;
            let all = clamp(positions, first, first + 2 * width * POSITIONS) - first;
            let own = min(all, width * POSITIONS);
            let share = f32(all - own) / f32(max(all, 1));
            for (var j = 0u; j < WIDTH; j++) { // unroll
                let at = j * WORKGROUP_SIZE + local;
                let d = means[at + width] - means[at];
                means[at] += share * d;
                squares[at] += squares[at + width] + share * f32(own) * d * d;
            }
        }
    }
}
