/** How many words of a sentence were heard otherwise: wrong, missing or added, of `of` words. */
export interface WordErrors {
  readonly wrong: number;
  readonly of: number;
}

/** Compares words without case and punctuation. */
export function wordErrors(said: string, heard: string): WordErrors {
  const [a, b] = [words(said), words(heard)];
  let row = b.map((_, index) => index + 1);
  a.forEach((word, index) => {
    let diagonal = index;
    let left = index + 1;
    row = row.map((above, column) => {
      const best = Math.min(above + 1, left + 1, diagonal + (word === b[column] ? 0 : 1));
      diagonal = above;
      left = best;
      return best;
    });
  });
  return { wrong: b.length ? row[b.length - 1]! : a.length, of: a.length };
}

function words(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s']/gu, " ")
    .split(/\s+/)
    .filter(Boolean);
}
