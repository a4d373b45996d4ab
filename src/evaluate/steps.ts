/**
 * Numbered steps of an answer: "Step 3:" wherever it stands, or lines that begin with "3." or "3)"; whichever are more.
 * "Step 1 and step 2" in running text is none, as no colon, dot or dash follows.
 */
export function countSteps(text: string): number {
  const named = text.match(/\bstep\s+\d{1,2}\s*(?:[:.)]|-\s)/gi)?.length ?? 0;
  const lines = text.match(/^\s*(?:\*\*|#+\s*)?\d{1,2}[.)]\s+\S/gm)?.length ?? 0;
  return Math.max(named, lines);
}
