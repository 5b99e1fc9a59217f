// θ(t) = Σ weight · control point, in the order of the mix.

#import prelude

// Control points of this dispatch. Those of a mix from FIRST on are added to the sum of the dispatches before.
const TERMS = 6;
const FIRST = 0;
// vec4s of θ.
const LENGTH = 64;

@group(0) @binding(1) var<storage, read_write> theta: array<vec4f>;
@group(0) @binding(2) var<storage, read> point_0: array<vec4f>;
@group(0) @binding(3) var<storage, read> point_1: array<vec4f>; // if TERMS > 1
@group(0) @binding(4) var<storage, read> point_2: array<vec4f>; // if TERMS > 2
@group(0) @binding(5) var<storage, read> point_3: array<vec4f>; // if TERMS > 3
@group(0) @binding(6) var<storage, read> point_4: array<vec4f>; // if TERMS > 4
@group(0) @binding(7) var<storage, read> point_5: array<vec4f>; // if TERMS > 5

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let i = thread_of(group, local);
    if (i >= LENGTH || params.count == 0) {
        return;
    }
    let at = params.slot_model * THETA + i;
    var value = vec4f();
    if (FIRST > 0) {
        value = theta[model * THETA + i];
    }
    value += params.mix[FIRST / 4][FIRST % 4] * point_0[at];
    value += params.mix[(FIRST + 1) / 4][(FIRST + 1) % 4] * point_1[at]; // if TERMS > 1
    value += params.mix[(FIRST + 2) / 4][(FIRST + 2) % 4] * point_2[at]; // if TERMS > 2
    value += params.mix[(FIRST + 3) / 4][(FIRST + 3) % 4] * point_3[at]; // if TERMS > 3
    value += params.mix[(FIRST + 4) / 4][(FIRST + 4) % 4] * point_4[at]; // if TERMS > 4
    value += params.mix[(FIRST + 5) / 4][(FIRST + 5) % 4] * point_5[at]; // if TERMS > 5
    theta[model * THETA + i] = value;
}
