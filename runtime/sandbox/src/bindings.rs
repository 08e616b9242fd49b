//! What wasmtime makes of the contract in `wit/`: one module for each kind of plugin.

pub(crate) use transform::{TransformPlugin, TransformPluginPre, azud, exports};

mod transform {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "transform-plugin",
        // Buffers are lowered from where they are, without a copy on this side.
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// Aggregates run as transforms do, and what they are given is of the same types. One module for
/// both worlds of them: whether `aggregate-migration` is there is known of each component, and
/// its indices are looked up by themselves.
pub(crate) mod aggregate {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "migrating-aggregate-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "azud:plugin/log": super::transform::azud::plugin::log,
            "azud:plugin/types": super::transform::azud::plugin::types,
        },
    });
}

/// Keyed plugins the same. One module for both worlds of them: whether `migration` is there is
/// known of each component, and its indices are looked up by themselves.
pub(crate) mod keyed {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "migrating-keyed-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "azud:plugin/log": super::transform::azud::plugin::log,
            "azud:plugin/types": super::transform::azud::plugin::types,
        },
    });
}

/// Sinks wait for others, so their calls are asynchronous. One module for both worlds of
/// sinks: whether `epochs` is there is known of each component, and its indices are looked
/// up by themselves.
pub(crate) mod sink {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "transactional-sink-plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
        exports: { default: async },
        with: {
            "azud:plugin/log": super::transform::azud::plugin::log,
        },
    });
}
