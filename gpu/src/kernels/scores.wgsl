// Sums of a batch's losses and errors.

@group(0) @binding(1) var<storage, read> scores: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    if (record.count == 0) {
        return;
    }
    var sum = vec2f();
    for (var i = local; i < record.count; i += 64u) {
        sum += scores[lane * $IMAGES + i];
    }
    let all = total(vec4f(sum, 0.0, 0.0), local);
    if (local == 0) {
        sums[record.number] = all.xy;
    }
}
