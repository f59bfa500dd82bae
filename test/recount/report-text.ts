import type { RecountReport } from './recount.ts';

/** The report for people. */
export function toText(report: RecountReport): string {
  const { log, older, producers } = report;
  const lines = [
    `log       ${log.records} records in ${report.partitions} partitions, ${report.organizations} organizations`,
    `committed ${log.events} events = ${log.counted} counted + ${log.duplicates} duplicates` +
      ` (${log.conflicts} with other content) + ${log.quarantined} quarantined`,
    `foreign   ${log.foreign} records that are not ours, ${log.skipped} skipped by an operator`,
    `in flight ${log.recordsInFlight} records with ${log.eventsInFlight} events`,
    `shards    ${report.rows} rows, ${report.commits} commits`,
    `producers ${producers.producers}, ${producers.holes} holes and ${producers.repeats} repeats in sequences`,
  ];
  if (older.commits > 0) {
    const parts = older.partitions.map(({ partition, logStart, readFrom }) => {
      return `partition ${partition} from ${readFrom} (the log keeps from ${logStart})`;
    });
    lines.push(
      `older     ${older.rows} rows of ${older.commits} commits that the log does not hold whole: compared with the ledger` +
        ' only, the totals with the rows',
      `          read from the log: ${parts.join(', ')}; every other partition from its first offset`,
    );
  }
  if (log.fingerprintsOff > 0)
    lines.push(`note      ${log.fingerprintsOff} fingerprints are not as documented`);
  for (const { name, count, examples } of report.differences) {
    lines.push(`DIFFERENT ${name}: ${count}`, ...examples.map((example) => `            ${example}`));
  }
  lines.push(`${report.equal ? 'EQUAL' : 'NOT EQUAL'} after ${(report.tookMs / 1000).toFixed(1)} s`);
  return lines.join('\n');
}
