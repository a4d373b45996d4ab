/**
 * Okapi BM25 as Lucene computes it: k1 1.2, b 0.75, idf ln(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
 * Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), section 3.
 */
const K1 = 1.2;
const B = 0.75;

/** Documents and how often a term is in each. */
interface Postings {
  readonly documents: number[];
  readonly counts: number[];
}

/** Which of a list of texts are nearest to one of their kind, by the words they share. */
export class Bm25Index {
  readonly #postings = new Map<string, Postings>();
  /** Terms of each document, over the mean. */
  readonly #relativeLength: Float64Array;
  readonly #count: number;

  constructor(texts: readonly string[]) {
    this.#count = texts.length;
    const lengths = new Float64Array(texts.length);
    for (const [document, text] of texts.entries()) {
      const terms = bm25Terms(text);
      lengths[document] = terms.length;
      for (const [term, count] of countOf(terms)) {
        const postings = this.#postings.get(term) ?? { documents: [], counts: [] };
        postings.documents.push(document);
        postings.counts.push(count);
        this.#postings.set(term, postings);
      }
    }
    const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, texts.length);
    this.#relativeLength = lengths.map((length) => (mean > 0 ? length / mean : 0));
  }

  /** [documents] scores >= 0. A term counts once in the query, however often it is there. */
  scores(query: string): Float64Array {
    const scores = new Float64Array(this.#count);
    for (const term of new Set(bm25Terms(query))) {
      const postings = this.#postings.get(term);
      if (postings === undefined) continue;
      const { documents, counts } = postings;
      const idf = Math.log(1 + (this.#count - documents.length + 0.5) / (documents.length + 0.5));
      for (const [i, document] of documents.entries()) {
        const count = counts[i]!;
        scores[document]! += (idf * count) / (count + K1 * (1 - B + B * this.#relativeLength[document]!));
      }
    }
    return scores;
  }
}

/** Runs of letters and digits of any script, in lower case. */
export function bm25Terms(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

function countOf(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}
