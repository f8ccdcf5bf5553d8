// The parts of docs/faults.md that come from the tested cells.

import { fatesList, faultsTable } from './table.ts';
import { timeoutsTable } from './timeouts-table.ts';
import { transferTable } from './transfers.ts';

export const DOCUMENTED = {
  fates: fatesList,
  faults: faultsTable,
  transfers: transferTable,
  timeouts: timeoutsTable,
};
