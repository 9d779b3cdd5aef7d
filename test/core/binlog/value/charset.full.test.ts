/** charset.lab.test.ts with every sequence. */
process.env['CHARSET_PART'] = '1';
await import('./charset.lab.test.ts');
