// Activations are stored as f32. `storage_f16.wgsl` is the other choice. Gradients are vec4f in both.

// Four channels of a position in a tensor of activations, as memory holds them.
alias ChannelBlock = vec4f;

fn load(block: ChannelBlock) -> vec4f {
    return block;
}

fn store(value: vec4f) -> ChannelBlock {
    return value;
}
