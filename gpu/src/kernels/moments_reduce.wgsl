// Mean and variance of each channel from their parts, and with them how its batch norm acts.
//
// A workgroup owns one block of channels. The variance is that of the parts and that between them (Chan et al. 1979).

@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> theta: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<vec4f>;
#if STATISTICS
@group(0) @binding(5) var<storage, read_write> statistics: array<vec4f>;
#end

// Places of a partial: RUN in a row, or every SPLITS-th.
fn places_of(split: u32, places: u32) -> f32 {
#if RUN
    return f32(min(places - split * $RUN, $(RUN)u));
#else
    return f32((places + $(SPLITS-1) - split) / $SPLITS);
#end
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    if (params.count == 0) {
        return;
    }
    let block = group.x;
    let places = params.count * $AREA;
    let number = f32(places);
#if RUN
    let splits = (places + $(RUN-1)) / $RUN;
#else
    let splits = $(SPLITS)u;
#end
    var sum = vec4f();
    for (var split = local; split < splits; split += 64u) {
        sum += places_of(split, places) * partial[model * $PARTIAL + (split * $IN_BLOCKS + block) * 2];
    }
    let mean = workgroup_sum(sum, local) / number;
    var squares = vec4f();
    for (var split = local; split < splits; split += 64u) {
        let at = model * $PARTIAL + (split * $IN_BLOCKS + block) * 2;
        let d = partial[at] - mean;
        squares += partial[at + 1] + places_of(split, places) * d * d;
    }
    let variance = workgroup_sum(squares, local) / number;
    if (local == 0) {
        norm_coefficients(model, block, mean, variance);
#if STATISTICS
        // Sums over batches, by their shares of the samples, of means and unbiased variances.
        let to = model * $(2*IN_BLOCKS) + block;
        statistics[to] += params.share * mean;
        statistics[to + $IN_BLOCKS] += params.share * variance * (number / max(number - 1, 1));
#end
    }
}
