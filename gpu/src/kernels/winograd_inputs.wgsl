// v[point, block, tile] = Bᵀ d B: the inputs d of a tile of OUTPUTS x OUTPUTS outputs, two more along each edge, at
// OUTPUTS + 2 points along each edge; 0 around the image. A thread owns a block of channels of a tile. Both passes turn
// columns into columns and transpose. The planes of a model lie V channel blocks apart.

#if BACK
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
#end
@group(0) @binding(2) var<storage, read_write> v: array<vec4f>;

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
    let image = i32(model * $IMAGES + tile / $(DOWN*ACROSS));
    let top = i32(tile / $ACROSS % $DOWN) * $OUTPUTS - $PADDING;
    let left = i32(tile % $ACROSS) * $OUTPUTS - $PADDING;
#for j in 0..(OUTPUTS+2)
    let x$j = left + $j;
    let ok$j = x$j >= 0 && x$j < $IN_WIDTH;
#end
#for i in 0..(OUTPUTS+2)
    let y$i = top + $i;
    let in$i = y$i >= 0 && y$i < $HEIGHT;
    let line$i = (image * $HEIGHT + y$i) * $IN_WIDTH;
#for j in 0..(OUTPUTS+2)
    let at$(i)_$j = u32(select(0, line$i + x$j, in$i && ok$j)) * $IN_BLOCKS + block;
#if BACK
    let d0_$(i)_$j = select(vec4f(), x[at$(i)_$j], in$i && ok$j);
#else
    let d0_$(i)_$j = select(vec4f(), load(x[at$(i)_$j]), in$i && ok$j);
#end
#end
#end
#for pass in 0..2
#for j in 0..(OUTPUTS+2)
#if OUTPUTS/4
    let inner$(pass)_$j = d$(pass)_4_$j - 2.0 * d$(pass)_2_$j;
    let outer$(pass)_$j = d$(pass)_4_$j - 0.5 * d$(pass)_2_$j;
    let odd_inner$(pass)_$j = 0.7071067811865476 * d$(pass)_3_$j - 1.4142135623730951 * d$(pass)_1_$j;
    let odd_outer$(pass)_$j = 1.4142135623730951 * d$(pass)_3_$j - 0.7071067811865476 * d$(pass)_1_$j;
    let d$(pass+1)_$(j)_0 = d$(pass)_0_$j - 2.5 * d$(pass)_2_$j + d$(pass)_4_$j;
    let d$(pass+1)_$(j)_1 = inner$(pass)_$j + odd_inner$(pass)_$j;
    let d$(pass+1)_$(j)_2 = inner$(pass)_$j - odd_inner$(pass)_$j;
    let d$(pass+1)_$(j)_3 = outer$(pass)_$j + odd_outer$(pass)_$j;
    let d$(pass+1)_$(j)_4 = outer$(pass)_$j - odd_outer$(pass)_$j;
    let d$(pass+1)_$(j)_5 = d$(pass)_1_$j - 2.5 * d$(pass)_3_$j + d$(pass)_5_$j;
#else
    let d$(pass+1)_$(j)_0 = d$(pass)_0_$j - d$(pass)_2_$j;
    let d$(pass+1)_$(j)_1 = d$(pass)_1_$j + d$(pass)_2_$j;
    let d$(pass+1)_$(j)_2 = d$(pass)_2_$j - d$(pass)_1_$j;
    let d$(pass+1)_$(j)_3 = d$(pass)_3_$j - d$(pass)_1_$j;
#end
#end
#end
#for i in 0..(OUTPUTS+2)
#for j in 0..(OUTPUTS+2)
    v[model * $V + ($((OUTPUTS+2)*i+j) * $IN_BLOCKS + block) * tiles + tile] = d2_$(i)_$j;
#end
#end
}
