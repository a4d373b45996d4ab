/**
 * Imported before ONNX Runtime. Its 1.30 build for Linux carries telemetry that reads the process's command line, where a
 * prompt may stand, with a recursive pattern that overflows the stack on 45 kB. A model runner has nothing to report.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';
