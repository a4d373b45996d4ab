import { questionKey } from '../data/question-key.ts';
import { InvalidArgumentError } from '../errors.ts';
import { Bm25Index } from './bm25.ts';
import type { ExampleChooser } from './select-examples.ts';

/** The questions with the highest BM25 score, the nearest last: it then stands beside the question that is asked. */
export function nearestByWords(questions: readonly string[]): ExampleChooser {
  const index = new Bm25Index(questions);
  return nearest(questions, (item) => index.scores(questions[item]!));
}

/**
 * The questions with the highest cosine similarity, the nearest last.
 *
 * @param embeddings one unit vector a question, as `SentenceEmbedder.embed` gives them.
 * @throws InvalidArgumentError unless there is one of the same length for each question.
 */
export function nearestByEmbedding(
  questions: readonly string[],
  embeddings: readonly Float32Array[],
): ExampleChooser {
  const size = embeddings[0]?.length ?? 0;
  if (embeddings.length !== questions.length || embeddings.some(({ length }) => length !== size)) {
    throw new InvalidArgumentError(
      'embeddings',
      `Expected an embedding of the same size for each of the ${questions.length} questions, found ${embeddings.length}.`,
    );
  }
  return nearest(questions, (item) => {
    const one = embeddings[item]!;
    return Float64Array.from(embeddings, (other) => {
      let dot = 0;
      for (let i = 0; i < size; i++) dot += one[i]! * other[i]!;
      return dot;
    });
  });
}

function nearest(questions: readonly string[], scoresOf: (item: number) => Float64Array): ExampleChooser {
  const keys = questions.map(questionKey);
  return (item, count) => {
    const scores = scoresOf(item);
    // The same question twice in a file is no example of itself: it would give the answer away.
    const others = [...scores.keys()].filter((other) => keys[other] !== keys[item]);
    others.sort((a, b) => scores[b]! - scores[a]! || a - b);
    return others.slice(0, count).reverse();
  };
}
