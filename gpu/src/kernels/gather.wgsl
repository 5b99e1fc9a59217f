// The images and labels of a batch in the order drawn, shifted and mirrored as its codes say, channels innermost.
//
// An entry of the order is a sample and a code: shift down, shift right, mirrored, in bytes. A shift by PADDING is none.
// Samples lie in chunks; images that are not in this one are left alone. Where they are bytes, each plane of a sample has a
// palette of what they stand for.

#if PLANE
@group(0) @binding(1) var<storage, read> samples: array<u32>;
#else
@group(0) @binding(1) var<storage, read> samples: array<f32>;
#end
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read> order: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> x: array<ChannelBlock>;
@group(0) @binding(5) var<storage, read_write> chosen: array<u32>;
#if PADDING
@group(0) @binding(6) var<storage, read> border: array<f32>;
#end
#if PLANE
@group(0) @binding($PALETTE) var<storage, read> palette: array<f32>;
#end

// A number of a sample.
fn number(sample: u32, at: u32) -> f32 {
    let place = sample * $(CHANNELS*HEIGHT*WIDTH) + at;
#if PLANE
    let byte = (samples[place / 4] >> (8 * (place % 4))) & 0xff;
    return palette[at / $PLANE * 256 + byte];
#else
    return samples[place];
#end
}

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let i = thread_of(group, local);
    let image = i / $(HEIGHT*WIDTH*IN_BLOCKS);
    if (image >= params.count) {
        return;
    }
    let entry = order[params.first + image];
    if (entry.x < $FIRST || entry.x >= $(FIRST+COUNT)) {
        return;
    }
    let block = i % $IN_BLOCKS;
    let place = i / $IN_BLOCKS % $(HEIGHT*WIDTH);
    var row = i32(place / $WIDTH);
    var column = i32(place % $WIDTH);
#if PADDING
    if ((entry.y >> 16) != 0) {
        column = $(WIDTH-1) - column;
    }
    row += i32(entry.y & 0xff) - $PADDING;
    column += i32((entry.y >> 8) & 0xff) - $PADDING;
    let inside = row >= 0 && row < $HEIGHT && column >= 0 && column < $WIDTH;
#end
    var value = vec4f();
    for (var k = 0u; k < 4 && block * 4 + k < $CHANNELS; k++) {
        let channel = block * 4 + k;
#if PADDING
        if (!inside) {
            value[k] = border[channel];
            continue;
        }
#end
        value[k] = number(entry.x - $FIRST, channel * $(HEIGHT*WIDTH) + u32(row * $WIDTH + column));
    }
    x[model * $(IMAGES*HEIGHT*WIDTH*IN_BLOCKS) + i] = store(value);
    if (block == 0 && place == 0) {
        chosen[model * $IMAGES + image] = labels[entry.x];
    }
}
