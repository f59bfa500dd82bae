/** What the shards refuse by themselves. */
import type { Mutant } from '../mutant.ts';

export const shardMutants: readonly Mutant[] = [
  {
    name: 'a stale writer moves progress',
    rule: 'U3',
    file: 'shared/ledger/postgres/sql/move-progress.sql',
    find: 'and next_offset = $2',
    replace: 'and next_offset >= $2',
    test: { file: 'test/integration/ledger.commit.test.ts', title: 'U3: a compare-and-set moves once' },
  },
  {
    name: 'a halted partition commits',
    rule: 'U7',
    file: 'shared/ledger/postgres/sql/move-progress.sql',
    find: ' and not halted',
    replace: '',
    test: { file: 'test/integration/ledger.commit.test.ts', title: 'U7: a halted partition refuses to move' },
  },
  {
    name: 'an older observation replaces a younger one',
    rule: 'U11',
    file: 'shared/ledger/postgres/sql/observe.sql',
    find: "seen.observed_at >= coalesce(p.observed_at, '-infinity')",
    replace: 'true',
    test: {
      file: 'test/integration/ledger.commit.test.ts',
      title: 'observations are kept, an older one replaces none',
    },
  },
  {
    name: 'the index of identities is not unique',
    rule: 'U2',
    file: 'migrations/005_critical_indexes.sql',
    find: 'create unique index usage_events_identity',
    replace: 'create index usage_events_identity',
    test: { file: 'test/integration/ledger.commit.test.ts', title: 'U2: COPY reports a counted key' },
  },
  {
    name: 'the ledger takes counts that do not add up',
    rule: 'U5',
    file: 'migrations/002_rollups_and_ledger.sql',
    find: 'check (seen = inserted + duplicate + quarantined)',
    replace: 'check (seen >= 0)',
    test: {
      file: 'test/integration/ledger.commit.test.ts',
      title: 'U5: the ledger refuses a row whose counts',
    },
  },
  {
    name: 'sums have 38 digits',
    rule: 'U13',
    file: 'migrations/002_rollups_and_ledger.sql',
    find: 'total numeric not null',
    replace: 'total numeric(38, 18) not null',
    test: {
      file: 'test/integration/ledger.commit.test.ts',
      title: 'U13: quantities of 20+18 digits are kept',
    },
  },
  {
    name: 'the chain goes on from its first row',
    rule: 'U12',
    file: 'shared/ledger/postgres/sql/move-progress.sql',
    find: 'order by sequence desc',
    replace: 'order by sequence asc',
    test: {
      file: 'test/integration/ledger.commit.test.ts',
      title: 'U12: the chain is what its documentation says',
    },
  },
  {
    name: 'a decision goes on from the first row of the chain',
    rule: 'U12',
    file: 'shared/ledger/postgres/sql/read-head.sql',
    find: 'order by sequence desc',
    replace: 'order by sequence asc',
    test: {
      file: 'test/integration/ledger.operator.test.ts',
      title: 'U7: a decision lifts the halt, is in the ledger with who and why',
    },
  },
  {
    name: 'a reader sees everybody’s totals',
    rule: 'U10',
    file: 'migrations/003_row_level_security.sql',
    find: "create policy tenant on usage_rollups for select to odometer_reader\n  using (organization_id = nullif(current_setting('odometer.organization', true), ''));",
    replace: 'create policy tenant on usage_rollups for select to odometer_reader\n  using (true);',
    test: {
      file: 'test/integration/ledger.tenancy.test.ts',
      title: 'U10: a reader sees the rows of the organization that is set',
    },
  },
  {
    name: 'the owner sees everybody’s events',
    rule: 'U10',
    file: 'migrations/003_row_level_security.sql',
    find: 'alter table usage_events enable row level security, force row level security;',
    replace: 'alter table usage_events enable row level security;',
    test: {
      file: 'test/integration/ledger.tenancy.test.ts',
      title: 'U10: the owner of the tables is under the policies too',
    },
  },
  {
    name: 'the next user of a connection inherits the organization',
    rule: 'U10',
    file: 'shared/ledger/postgres/sql/set-organization.sql',
    find: '$1, true)',
    replace: '$1, false)',
    test: {
      file: 'test/integration/ledger.tenancy.test.ts',
      title: 'U10: a connection of the pool does not carry',
    },
  },
  {
    name: 'the writer may delete events of a day',
    rule: 'U11',
    file: 'migrations/020_proof_by_range.sql',
    find: 'grant select, insert on public.%I',
    replace: 'grant select, insert, delete on public.%I',
    test: {
      file: 'test/integration/ledger.tenancy.test.ts',
      title: 'U11: the writer can neither delete nor change',
    },
  },
  {
    name: 'the writer may change the ledger',
    rule: 'U11',
    file: 'migrations/003_row_level_security.sql',
    find: 'grant select, insert on commit_ledger, quarantine',
    replace: 'grant select, insert, update on commit_ledger, quarantine',
    test: {
      file: 'test/integration/ledger.tenancy.test.ts',
      title: 'U11: the writer can neither delete nor change',
    },
  },
  {
    name: 'another shard is taken for this one',
    rule: 'U9',
    file: 'shared/ledger/postgres/shard-identity.ts',
    find: 'row.shard === this.shard',
    replace: 'row.shard >= 0',
    test: {
      file: 'test/integration/ledger.migrations.test.ts',
      title: 'U9: a swapped address is refused on connect',
    },
  },
  {
    name: 'a summary ends a day early',
    rule: 'U10',
    file: 'shared/ledger/postgres/sql/summarize.sql',
    find: '($4::date + 1)',
    replace: '($4::date)',
    // Of the golden rows the test of summaries needs the two before it, and alone says nothing.
    test: {
      file: 'test/integration/ledger.tenancy.test.ts',
      title: 'U13: a summary writes canonical decimals',
    },
  },
];
