// The images and labels of a batch, or targets that are numbers, in the order drawn, shifted and mirrored as their codes say, channels innermost.
//
// An entry of the order is a sample and a code: shift down, shift right, mirrored, one byte each. A shift by PADDING
// leaves an image where it is. Samples lie in chunks; a dispatch skips images of other chunks. Samples are f32 elements,
// or bytes that index a palette of 256 elements for each plane.

#import prelude

const CHANNELS = 3;
const HEIGHT = 4;
const WIDTH = 4;
const BLOCKS = 1;
// The samples of the chunk: FIRST to FIRST + COUNT - 1.
const FIRST = 0;
const COUNT = 8;
// The largest shift; 0 where images are not augmented.
const PADDING = 4;
// Elements of a plane that share a palette; 0 where samples are f32.
const PLANE = 16;
// Whether there are labels.
const LABELS = true;

@group(0) @binding(1) var<storage, read> samples: array<f32>; // if PLANE == 0
@group(0) @binding(2) var<storage, read> packed_samples: array<u32>; // if PLANE > 0
@group(0) @binding(3) var<storage, read> labels: array<u32>; // if LABELS
@group(0) @binding(4) var<storage, read> order: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> x: array<ChannelBlock>;
@group(0) @binding(6) var<storage, read_write> batch_labels: array<u32>; // if LABELS
// The value of each channel outside of an image.
@group(0) @binding(7) var<storage, read> border: array<f32>; // if PADDING > 0
@group(0) @binding(8) var<storage, read> palette: array<f32>; // if PLANE > 0

fn element(sample: u32, at: u32) -> f32 {
    let i = sample * (CHANNELS * HEIGHT * WIDTH) + at;
    if (PLANE > 0) {
        let byte = (packed_samples[i / 4] >> (8 * (i % 4))) & 0xff;
        return palette[at / PLANE * 256 + byte];
    } else {
        return samples[i];
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let i = thread_of(group, local);
    let image = i / (HEIGHT * WIDTH * BLOCKS);
    if (image >= params.count) {
        return;
    }
    let entry = order[params.first + image];
    if (entry.x < FIRST || entry.x >= FIRST + COUNT) {
        return;
    }
    let block = i % BLOCKS;
    let position = i / BLOCKS % (HEIGHT * WIDTH);
    var row = i32(position / WIDTH);
    var column = i32(position % WIDTH);
    var is_inside = true;
    if (PADDING > 0) {
        if ((entry.y >> 16) != 0) {
            column = (WIDTH - 1) - column;
        }
        row += i32(entry.y & 0xff) - PADDING;
        column += i32((entry.y >> 8) & 0xff) - PADDING;
        is_inside = row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH;
    }
    var value = vec4f();
    for (var k = 0u; k < 4 && block * 4 + k < CHANNELS; k++) {
        let channel = block * 4 + k;
        if (is_inside) {
            value[k] = element(entry.x - FIRST, channel * (HEIGHT * WIDTH) + u32(row * WIDTH + column));
        } else {
            value[k] = border[channel]; // if PADDING > 0
        }
    }
    x[model * (IMAGES * HEIGHT * WIDTH * BLOCKS) + i] = store(value);
    if (LABELS && block == 0 && position == 0) {
        batch_labels[model * IMAGES + image] = labels[entry.x]; // if LABELS
    }
}
