// y = Aᵀ m A: the OUTPUTS x OUTPUTS outputs of a tile from its products at all points, those of them that are within the
// image. A thread owns a block of channels of a tile. Both passes turn columns into columns and transpose.

@group(0) @binding(1) var<storage, read> m: array<vec4f>;
#if FULL
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
#else
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>;
#end
#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let tiles = params.count * $(DOWN*ACROSS);
    let block = thread % $IN_BLOCKS;
    let tile = thread / $IN_BLOCKS;
    if (tile >= tiles) {
        return;
    }
#for i in 0..(OUTPUTS+2)
#for j in 0..(OUTPUTS+2)
    let m0_$(i)_$j = m[model * $M + ($((OUTPUTS+2)*i+j) * $IN_BLOCKS + block) * tiles + tile];
#end
#end
#for pass in 0..2
#for j in 0..(OUTPUTS+2-2*pass)
#if OUTPUTS/4
    let inner$(pass)_$j = m$(pass)_1_$j + m$(pass)_2_$j;
    let outer$(pass)_$j = m$(pass)_3_$j + m$(pass)_4_$j;
    let odd_inner$(pass)_$j = 0.7071067811865476 * (m$(pass)_1_$j - m$(pass)_2_$j);
    let odd_outer$(pass)_$j = 1.4142135623730951 * (m$(pass)_3_$j - m$(pass)_4_$j);
    let m$(pass+1)_$(j)_0 = m$(pass)_0_$j + inner$(pass)_$j + outer$(pass)_$j;
    let m$(pass+1)_$(j)_1 = odd_inner$(pass)_$j + odd_outer$(pass)_$j;
    let m$(pass+1)_$(j)_2 = 0.5 * inner$(pass)_$j + 2.0 * outer$(pass)_$j;
    let m$(pass+1)_$(j)_3 = 0.5 * odd_inner$(pass)_$j + 2.0 * odd_outer$(pass)_$j + m$(pass)_5_$j;
#else
    let m$(pass+1)_$(j)_0 = m$(pass)_0_$j + m$(pass)_1_$j + m$(pass)_2_$j;
    let m$(pass+1)_$(j)_1 = m$(pass)_1_$j - m$(pass)_2_$j + m$(pass)_3_$j;
#end
#end
#end
    let image = model * $IMAGES + tile / $(DOWN*ACROSS);
    let top = tile / $ACROSS % $DOWN * $OUTPUTS;
    let left = tile % $ACROSS * $OUTPUTS;
#for i in 0..OUTPUTS
#for j in 0..OUTPUTS
    if (top + $i < $OUT_HEIGHT && left + $j < $OUT_WIDTH) {
        let to = ((image * $OUT_HEIGHT + top + $i) * $OUT_WIDTH + left + $j) * $IN_BLOCKS + block;
        var s = m2_$(i)_$j;
#if BIAS
        s += bias[model * $PACKED + block];
#end
#if RELU
        s = select(s, vec4f(), s < vec4f());
#end
#if ACCUMULATE
        s += y[to];
#end
#if FULL
        y[to] = s;
#else
        y[to] = store(s);
#end
    }
#end
#end
}
