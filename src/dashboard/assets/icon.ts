/** The tab's icon: a gate with water through it. */

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f5fd0"/><path d="M4 3v10M12 3v10" stroke="#fff" stroke-width="2" stroke-linecap="round"/><path d="M4 8c1.3-2 2.7-2 4 0s2.7 2 4 0" stroke="#fff" stroke-width="1.6" fill="none"/></svg>`;
