var<workgroup> terms: array<vec4f, 64>;

// The sum of the numbers of a workgroup's 64 threads, in a fixed tree.
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
