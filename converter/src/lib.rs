//! Convert an Orbax checkpoint to safetensors through a declarative mapping
