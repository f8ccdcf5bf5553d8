// Finds a key that comes twice in one object of a JSON text. JSON.parse keeps the last and says nothing, so two readers
// of one file could see different tensors under one name.

/** The first key that is repeated within its object, or undefined; `text` must be valid JSON. */
export function repeatedKey(text: string): string | undefined {
  // The keys seen of each object around the current place; undefined stands for an array.
  const open: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '{':
        open.push(new Set());
        keyNext = true;
        break;
      case '[':
        open.push(undefined);
        keyNext = false;
        break;
      case '}':
      case ']':
        open.pop();
        keyNext = false;
        break;
      case ',':
        keyNext = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, i);
        if (keyNext) {
          const key = JSON.parse(text.slice(i, end + 1)) as string;
          const keys = open.at(-1)!;
          if (keys.has(key)) return key;
          keys.add(key);
          keyNext = false;
        }
        i = end;
        break;
      }
    }
  }
  return undefined;
}

/** Where the string that opens at `start` closes. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}
