import type { DataProgress } from '../data/load-questions.ts';
import type { ProgressBar } from './progress-bar.ts';

/** A listener of `loadQuestions` that draws downloads; rows are read in no time. */
export function showDownload(progress: ProgressBar): (event: DataProgress) => void {
  return (event) => {
    if (event.phase === 'read') return;
    const { phase, file, receivedBytes, totalBytes } = event;
    progress.update({ phase, file, done: receivedBytes, total: totalBytes });
  };
}
