// Rows of any benchmark as text: a line a row, a column a field.

/** Plain data; a cell that is a list or an object is printed as JSON. */
export type Row = object;

/** The table with its heading, each line ended; fields in the order in which rows first name them. */
export function formatTable(rows: readonly Row[]): string {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => fields.map((field) => (row as Readonly<Record<string, unknown>>)[field]));
  const isNumeric = fields.map((_, column) =>
    cells.every(
      (row) => typeof row[column] === 'number' || row[column] === null || row[column] === undefined,
    ),
  );
  const lines = [fields, ...cells.map((row) => row.map(formatCell))];
  const widths = fields.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function formatCell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'number') {
    // Whole numbers in full, measurements to four digits.
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
