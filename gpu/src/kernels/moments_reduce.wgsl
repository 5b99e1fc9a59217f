// Mean and variance of each channel from partial moments, and the coefficients of its batch norm.
//
// A workgroup owns one channel block. Sums of squares are combined as in Chan et al. 1979.

#import prelude
#import workgroup_sum
#import norm_coefficients

const AREA = 9;
// Parts of RUN consecutive positions; or, where RUN is 0, SPLITS parts with every SPLITS-th position.
const RUN = 4;
const SPLITS = 4;
// Whether the moments are added to the network's statistics.
const STATISTICS = true;

@group(0) @binding(4) var<storage, read> partial: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> statistics: array<vec4f>; // if STATISTICS

// Number of positions of a part.
fn positions_of(split: u32, positions: u32) -> f32 {
    if (RUN > 0) {
        return f32(min(positions - split * RUN, RUN));
    } else {
        return f32((positions + (SPLITS - 1) - split) / SPLITS);
    }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    if (params.count == 0) {
        return;
    }
    let block = group.x;
    let positions = params.count * AREA;
    let number = f32(positions);
    var splits = u32(SPLITS);
    if (RUN > 0) {
        splits = (positions + (RUN - 1)) / RUN;
    }
    var sum = vec4f();
    for (var split = local; split < splits; split += 64) {
        sum += positions_of(split, positions) * partial[model * PARTIAL + (split * BLOCKS + block) * 2];
    }
    let mean = workgroup_sum(sum, local) / number;
    var squares = vec4f();
    for (var split = local; split < splits; split += 64) {
        let at = model * PARTIAL + (split * BLOCKS + block) * 2;
        let d = partial[at] - mean;
        squares += partial[at + 1] + positions_of(split, positions) * d * d;
    }
    let variance = workgroup_sum(squares, local) / number;
    if (local == 0) {
        write_coefficients(model, block, mean, variance);
        if (STATISTICS) {
            // Means and unbiased variances, weighted by the batch's share of the samples.
            let to = model * (2 * BLOCKS) + block;
            statistics[to] += params.share * mean;
            statistics[to + BLOCKS] += params.share * variance * (number / max(number - 1, 1));
        }
    }
}
