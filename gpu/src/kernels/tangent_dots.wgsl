// Part sums for the projection of a gradient across a simplex, after weight decay: with d_i = point_i − point_0, the
// products d_i·g, then d_i·d_j for j ≤ i.

@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
#for i in 0..TERMS
@group(0) @binding($(4+i)) var<storage, read> point$i: array<f32>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= $SPLITS || params.count == 0) {
        return;
    }
#for i in 1..TERMS
    var p$i = 0.0;
#for j in 1..(i+1)
    var q$(i)_$j = 0.0;
#end
#end
    let first = model * $(4*DIM);
    for (var k = first + thread; k < first + $LENGTH; k += $(SPLITS)u) {
        let g = gradient[k] + params.decay * theta[k];
        gradient[k] = g;
#for i in 1..TERMS
        let d$i = point$i[k] - point0[k];
        p$i = fma(d$i, g, p$i);
#for j in 1..(i+1)
        q$(i)_$j = fma(d$i, d$j, q$(i)_$j);
#end
#end
    }
    let to = model * $(4*PARTIAL) + thread * $PRODUCTS;
#for i in 1..TERMS
    partial[to + $(i-1)] = p$i;
#for j in 1..(i+1)
    partial[to + $(TERMS-1 + i*(i-1)/2 + j-1)] = q$(i)_$j;
#end
#end
}
