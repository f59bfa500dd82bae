import { readFileSync } from 'node:fs';
import { withOwnerSession } from '../shared/ledger/postgres/owner-session.ts';

const header = `-- The schema of one shard after all migrations, dumped from its catalog: read it in reviews, change it by a
-- migration. A test keeps it fresh; ODOMETER_UPDATE_SCHEMA=1 makes that test write it.
`;

/** The text of `schema.sql` for the shard at this address. */
export async function dumpSchema(ownerUrl: string): Promise<string> {
  const query = readFileSync(new URL('./dump-schema.sql', import.meta.url), 'utf8');
  const rows = await withOwnerSession({ ownerUrl, applicationName: 'dump-schema' }, (session) =>
    session.query<{ text: string }>(query),
  );
  return `${[header, ...rows.map((row) => row.text)].join('\n')}\n`;
}
