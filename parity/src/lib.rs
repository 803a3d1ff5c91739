//! Compare a model with recorded reference outputs and give a verdict
