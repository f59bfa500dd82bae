/** `node test/tidy/measure.ts [folder]`: prints the measures of a checkout, of this one by default. */
import { measureRooms, tableOf } from './measures.ts';
import { readRepository } from './repository.ts';

process.stdout.write(tableOf(measureRooms(readRepository(process.argv[2]))));
