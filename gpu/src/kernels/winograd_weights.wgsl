// u = G g Gᵀ: the 3 x 3 taps of a filter at OUTPUTS + 2 points along each edge; mirrored where steps between taps are
// negative. Four filters a thread.
//
// Both passes turn columns into columns and transpose: G (G g)ᵀ is the transpose of G g Gᵀ; so is what the first leaves.

// Of a row: where its first tap lies, from a tap to the next; where its first point lies, from a point to the next.
@group(0) @binding(1) var<storage, read> table: array<vec4i>;
@group(0) @binding(2) var<storage, read> packed: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> u: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let i = thread_of(group, local);
    if (i >= $LENGTH) {
        return;
    }
    let row = table[i];
#for y in 0..3
#for x in 0..3
    let g0_$(y)_$x = packed[i32(model * $PACKED) + row.x + $(3*y+x) * row.y];
#end
#end
#for pass in 0..2
#for j in 0..(3+(OUTPUTS-1)*pass)
    let g$(pass+1)_$(j)_0 = g$(pass)_0_$j;
    let g$(pass+1)_$(j)_$(OUTPUTS+1) = g$(pass)_2_$j;
#if OUTPUTS/4
    let inner$(pass)_$j = g$(pass)_0_$j * (2.0 / 3.0) + g$(pass)_2_$j * (1.0 / 3.0);
    let outer$(pass)_$j = g$(pass)_0_$j * (1.0 / 6.0) + g$(pass)_2_$j * (1.0 / 3.0);
    let odd$(pass)_$j = g$(pass)_1_$j * 0.23570226039551584;
    let g$(pass+1)_$(j)_1 = -inner$(pass)_$j - 2.0 * odd$(pass)_$j;
    let g$(pass+1)_$(j)_2 = 2.0 * odd$(pass)_$j - inner$(pass)_$j;
    let g$(pass+1)_$(j)_3 = outer$(pass)_$j + odd$(pass)_$j;
    let g$(pass+1)_$(j)_4 = outer$(pass)_$j - odd$(pass)_$j;
#else
    let even$(pass)_$j = 0.5 * (g$(pass)_0_$j + g$(pass)_2_$j);
    let odd$(pass)_$j = 0.5 * g$(pass)_1_$j;
    let g$(pass+1)_$(j)_1 = even$(pass)_$j + odd$(pass)_$j;
    let g$(pass+1)_$(j)_2 = even$(pass)_$j - odd$(pass)_$j;
#end
#end
#end
#for y in 0..(OUTPUTS+2)
#for x in 0..(OUTPUTS+2)
    u[i32(model * $U) + row.z + $((OUTPUTS+2)*y+x) * row.w] = g2_$(y)_$x;
#end
#end
}
