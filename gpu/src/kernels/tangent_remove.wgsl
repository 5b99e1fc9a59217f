// g ← g − tangent_removal · Σ coefficient_i (control point i + 1 − control point 0).

#import prelude

// Control points.
const TERMS = 5;
// Elements of θ.
const LENGTH = 256;

// (model, 16).
@group(0) @binding(1) var<storage, read> coefficients: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> point_0: array<f32>;
@group(0) @binding(4) var<storage, read> point_1: array<f32>; // if TERMS > 1
@group(0) @binding(5) var<storage, read> point_2: array<f32>; // if TERMS > 2
@group(0) @binding(6) var<storage, read> point_3: array<f32>; // if TERMS > 3
@group(0) @binding(7) var<storage, read> point_4: array<f32>; // if TERMS > 4

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= LENGTH || params.count == 0) {
        return;
    }
    let k = model * (4 * THETA) + thread;
    let share = params.tangent_removal;
    var g = gradient[k];
    g -= share * coefficients[model * 16] * (point_1[k] - point_0[k]); // if TERMS > 1
    g -= share * coefficients[model * 16 + 1] * (point_2[k] - point_0[k]); // if TERMS > 2
    g -= share * coefficients[model * 16 + 2] * (point_3[k] - point_0[k]); // if TERMS > 3
    g -= share * coefficients[model * 16 + 3] * (point_4[k] - point_0[k]); // if TERMS > 4
    gradient[k] = g;
}
