// Finds the known name that a person probably meant: smallest edit distance, transposed neighbours counting one
// (optimal string alignment).

/** The closest of `known` if close enough to be a slip of the fingers; the first of equally close ones. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const limit = Math.max(2, Math.floor(name.length / 3));
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const folded = candidate.toLowerCase();
    // `bandwidth` for `width` is no slip by distance, yet plainly meant.
    const contains = wanted.length >= 3 && (folded.includes(wanted) || wanted.includes(folded));
    const distance = contains ? Math.min(1.5, editDistance(wanted, folded)) : editDistance(wanted, folded);
    if (distance <= limit && distance < Math.max(wanted.length, 1) && (!best || distance < best.distance)) {
      best = { name: candidate, distance };
    }
  }
  return best?.name;
}

/** "; did you mean 'x'?" or, when nothing is near, "; known: a, b, c". */
export function suggest(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? `; known: ${known.join(', ')}` : `; did you mean '${nearest}'?`;
}

function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      }
      row.push(distance);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
