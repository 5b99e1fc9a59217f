var<workgroup> terms: array<vec4f, 64>;

// The sum over the 64 invocations of a workgroup, in a fixed tree. All of them call it.
fn workgroup_sum(value: vec4f, local: u32) -> vec4f {
    workgroupBarrier();
    terms[local] = value;
    for (var width = 32u; width > 0; width >>= 1) {
        workgroupBarrier();
        if (local < width) {
            terms[local] += terms[local + width];
        }
    }
    workgroupBarrier();
    return terms[0];
}
