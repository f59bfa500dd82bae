import type { RecountReport } from './recount.ts';

/** The report for people. */
export function toText(report: RecountReport): string {
  const { log, producers } = report;
  const lines = [
    `log       ${log.records} records in ${report.partitions} partitions, ${report.organizations} organizations`,
    `committed ${log.events} events = ${log.counted} counted + ${log.duplicates} duplicates` +
      ` (${log.conflicts} with other content) + ${log.quarantined} quarantined`,
    `foreign   ${log.foreign} records that are not ours, ${log.skipped} skipped by an operator`,
    `in flight ${log.recordsInFlight} records with ${log.eventsInFlight} events`,
    `shards    ${report.rows} rows, ${report.commits} commits`,
    `producers ${producers.producers}, ${producers.holes} holes and ${producers.repeats} repeats in sequences`,
  ];
  if (log.fingerprintsOff > 0)
    lines.push(`note      ${log.fingerprintsOff} fingerprints are not as documented`);
  for (const { name, count, examples } of report.differences) {
    lines.push(`DIFFERENT ${name}: ${count}`, ...examples.map((example) => `            ${example}`));
  }
  lines.push(`${report.equal ? 'EQUAL' : 'NOT EQUAL'} after ${(report.tookMs / 1000).toFixed(1)} s`);
  return lines.join('\n');
}
