// Types and depths of the recovery unit (docs/ru.md).
package fvgm_ru_pkg;

  localparam int unsigned RuLanes = 8;
  localparam int unsigned RuRowDepth = 16;  // rows prefetched; a row is on its way for 7 cycles
  localparam int unsigned RuOutDepth = 32;  // results reserved; a pair is on its way for 19 cycles

  // A row of the result and where it comes from.
  typedef struct packed {
    logic ext;            // extrapolate: addr is c1, other is c2
    logic last;           // of its command
    logic odd;            // the last pair is one unit
    logic [14:0] pairs;   // pairs of units, less 1
    logic [19:0] addr;
    logic [19:0] other;
    logic [19:0] d_addr;
    logic [31:0] k;       // coef * age
  } ru_row_t;

  // What an accepted read is.
  typedef struct packed {
    logic copy;  // a result by itself
    logic c1;    // kept for the read of c2 that follows
    logic c2;    // gives a result with c1
  } ru_slot_t;

  // Where a result goes.
  typedef struct packed {
    logic last;  // of its command
    logic two;   // two units, else one
    logic [19:0] addr;
  } ru_place_t;

  // An age as FP32.
  function automatic logic [31:0] age_to_fp32(logic [3:0] age);
    logic [7:0] exp;
    logic [2:0] man;
    exp = '0;
    man = '0;
    if (age[3]) begin
      exp = 8'd130;
      man = age[2:0];
    end else if (age[2]) begin
      exp = 8'd129;
      man = {age[1:0], 1'b0};
    end else if (age[1]) begin
      exp = 8'd128;
      man = {age[0], 2'b0};
    end else if (age[0]) begin
      exp = 8'd127;
    end
    return {1'b0, exp, man, 20'b0};
  endfunction

endpackage
