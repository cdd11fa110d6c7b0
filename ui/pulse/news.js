// What the page knows of its room: {code, clock, people, topics: {name: [version, count, expected]}}, or null.
const news = (globalThis.tenStepsRoom ??= { now: null, told: new EventTarget() });

