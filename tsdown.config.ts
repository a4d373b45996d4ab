import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/tensor/index.ts',
    'src/engine/index.ts',
    'src/server/index.ts',
    'src/cli/main.ts',
    'src/engine/onnx/native/self-test-child.ts',
  ],
  platform: 'node',
  target: 'node20',
  format: 'esm',
  dts: true,
  unbundle: true,
  fixedExtension: false,
});
