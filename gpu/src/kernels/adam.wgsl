// A step of Adam of one slot: with h = weight · (g + λ θ(t)), m ← β₁ m + (1 − β₁) h, v ← β₂ v + (1 − β₂) h², control
// point ← control point − (decay · θ(t) + η/(1 − β₁ᵏ) · m / (√v · 1/√(1 − β₂ᵏ) + ε)).

#import prelude

// vec4s of θ.
const LENGTH = 64;

@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read> theta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> point: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> momentum: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> second_moment: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= LENGTH || params.count == 0) {
        return;
    }
    let i = model * THETA + thread;
    let h = params.slot_weight * (gradient[i] + params.weight_decay * theta[i]);
    let m = params.momentum * momentum[i] + (1 - params.momentum) * h;
    let v = params.beta2 * second_moment[i] + (1 - params.beta2) * h * h;
    momentum[i] = m;
    second_moment[i] = v;
    let root = sqrt(v) * params.root + params.epsilon;
    point[i] -= params.decoupled_decay * theta[i] + params.learning_rate * m / root;
}
