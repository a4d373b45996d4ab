"""Training recipe of the bundled model: word problems in, a steerable 2.5M-parameter Llama out. See README.md."""
