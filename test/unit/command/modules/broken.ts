/** A module whose import fails. */
throw new TypeError('the price list is not there')
