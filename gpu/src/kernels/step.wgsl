// An optimiser step of one slot: v ← μ v + weight · (g + λ θ(t)), control point ← control point − η v, or with Nesterov's
// momentum − η (weight · (g + λ θ(t)) + μ v).

#import prelude

// vec4s of θ.
const LENGTH = 64;

@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read> theta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> point: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> momentum: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= LENGTH || params.count == 0) {
        return;
    }
    let i = model * THETA + thread;
    let g = gradient[i] + params.weight_decay * theta[i];
    let v = params.momentum * momentum[i] + params.slot_weight * g;
    momentum[i] = v;
    let ahead = select(v, params.slot_weight * g + params.momentum * v, params.nesterov != 0);
    point[i] -= params.learning_rate * ahead;
}
