// From part sums the gradient of γ and β, and the means that go back through the batch norm; or the gradient of a bias.
//
// A workgroup owns one quad of channels.

@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> part: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
#if NORM
@group(0) @binding(4) var<storage, read_write> means: array<vec4f>;
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let quad = group.x;
    var sum = vec4f();
#if NORM
    var product = vec4f();
#end
    for (var split = local; split < $SPLITS; split += 64u) {
        let at = lane * $PART + (split * $QUADS + quad) * $(1+NORM);
        sum += part[at];
#if NORM
        product += part[at + 1];
#end
    }
    let all = total(sum, local);
#if NORM
    let products = total(product, local);
    let number = f32(record.count * $AREA);
#end
    if (local == 0) {
#if NORM
        let mean = lane * $(2*QUADS) + quad;
        means[mean] = all / number;
        means[mean + $QUADS] = products / number;
#end
        let to = lane * $(4*DIM) + place.x + quad * 4;
        for (var k = 0u; k < 4 && quad * 4 + k < $CHANNELS; k++) {
#if NORM
            gradient[to + k] = products[k];
            gradient[to + $CHANNELS + k] = all[k];
#else
            gradient[to + k] = all[k];
#end
        }
    }
}
