import type { Colors } from '../terminal.ts';

/** A share of 1 as a bar of `width` columns. Anything above 0 shows. */
export function renderBar(share: number, width: number, colors: Colors): string {
  const cells = Math.round(Math.min(1, Math.max(0, share)) * width);
  const filled = share > 0 ? Math.max(1, cells) : 0;
  return colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(width - filled));
}
