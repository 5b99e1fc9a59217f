// Threads that may read for each other know their place in their vector.
fn main(
#if SUBGROUP_SIZE
    @builtin(subgroup_invocation_id) subgroup_invocation: u32,
#end
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
