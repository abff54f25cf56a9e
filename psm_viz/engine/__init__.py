"""Any causal language model: load, prompt, sample, read activations, steer, write a study."""
