import pg from 'pg';
import { expect, it } from 'vitest';
import {
  type Blame,
  blameOfClass,
  toOdometerError,
  transientStates,
} from '../../shared/ledger/postgres/shard-error.ts';

/** Classes of which a state or another was decided by hand, and what each state of it comes to. */
const decided: Readonly<Record<string, Readonly<Record<string, Blame>>>> = {
  '08': { '08000': 'transient', '08003': 'transient', '08006': 'transient', '08P01': 'transient' },
  '22': { '22003': 'refused', '22P02': 'refused' },
  '23': { '23505': 'refused', '23514': 'refused', '23502': 'refused' },
  '25': { '25006': 'transient', '25P03': 'transient', '25P02': 'suspect', '25001': 'suspect' },
  '40': { '40001': 'transient', '40P01': 'transient', '40003': 'transient' },
  '42': { '42501': 'refused', '42P01': 'refused', '42601': 'refused' },
  '53': { '53100': 'transient', '53300': 'transient', '53200': 'load', '53400': 'load' },
  '54': { '54000': 'refused', '54001': 'refused', '54011': 'refused' },
  '55': { '55P03': 'transient', '55000': 'suspect', '55006': 'suspect' },
  '57': {
    ...{ '57014': 'load', '57000': 'load', '57P01': 'transient', '57P02': 'transient' },
    ...{ '57P03': 'transient', '57P04': 'transient', '57P05': 'transient' },
  },
  '58': { '58000': 'suspect', '58030': 'suspect', '58P01': 'suspect' },
  XX: { XX000: 'suspect', XX001: 'suspect', XX002: 'suspect' },
};

function databaseError(code: string): pg.DatabaseError {
  const error = new pg.DatabaseError('the server said so', 1, 'error');
  error.code = code;
  return error;
}

function blameOf(code: string): Blame {
  const { retryable, suspicion } = toOdometerError(databaseError(code));
  if (!retryable) return 'refused';
  if (suspicion === undefined) return 'transient';
  return suspicion.underLoad ? 'load' : 'suspect';
}

it('every class is decided, and every exception is of such a class', () => {
  expect(Object.keys(blameOfClass).sort()).toEqual(Object.keys(decided).sort());
  for (const state of transientStates) expect(decided[state.slice(0, 2)]).toHaveProperty(state, 'transient');
});

it.each(Object.entries(decided))('what the class %s means for a range', (_class, states) => {
  for (const [state, blame] of Object.entries(states))
    expect([state, blameOf(state)]).toEqual([state, blame]);
});

it('a class that nobody thought of is a bug, and no SQLSTATE at all is transient', () => {
  expect(['0A000', '3D000', 'F0000', 'HV000', 'P0001'].map(blameOf)).toEqual(Array(5).fill('refused'));
  expect(toOdometerError(new Error('socket'))).toMatchObject({ code: 'shard_unavailable', retryable: true });
  expect(toOdometerError(new Error('socket'))).not.toHaveProperty('suspicion');
});

it('a suspect failure names its state; a refused login is renewed', () => {
  expect(toOdometerError(databaseError('53200'))).toMatchObject({
    ...{
      code: 'shard_unavailable',
      suspicion: { name: '53200', underLoad: true },
      message: '53200: the server said so',
    },
  });
  expect(toOdometerError(databaseError('28P01'))).toMatchObject({ code: 'credentials_refused' });
});
