// Rows of a tile in order: addresses, and which row is the reference of their window.
//
// A window's reference has the coordinates min(start + offset, extent - 1). Its row number is the
// sum of c0 (planes), c1 (lines), c2 (rows of a line); c0 and c1 are found without dividing by
// climbing from the start of the window, at most seven steps when a window starts. The reference's
// address is a serial product, five cycles, when the reference changes.
//
// start_i takes cmd_i, which stays until the last row was taken. Latency: first row 2 cycles, with
// windows 15 + climbs. Throughput: a row per cycle, with windows a row per 3 cycles while the
// reference stays, 9 when it changes to another row than the present one. Errors: none; rows_i of 0
// must not be started.
module fvgm_su_walk
  import fvgm_isa_pkg::*;
  import fvgm_su_pkg::*;
(
  input  logic clk_i,
  input  logic rst_ni,

  input  logic start_i,
  input  su_t  cmd_i,
  input  logic [SuRowBits:0] rows_i,

  output logic row_valid_o,
  input  logic row_ready_i,
  output row_t row_o
);

  typedef enum logic [3:0] {
    Idle, Plane, Load0, Climb0, Load1, Climb1, Column, Reference, Offer
  } state_e;

  state_e state_q;
  logic addressing_q;  // state Offer, but the product is not there yet
  logic [3:0] count_q;
  logic [11:0] bits_q;           // of n1, for plane
  logic [16:0] plane_d;
  logic [15:0] plane_q;          // n1 * n2, at most 65535: more than that is never reached
  logic overflow_q;
  logic [SuRowBits-1:0] row_q;
  logic [19:0] x_q, c_q;
  logic [11:0] i2_q;
  logic [15:0] line_q;           // row of the line's start, in its plane
  logic [2:0] phase0_q, phase1_q, phase2_q;
  logic [15:0] c0_q, c1_q, c01_q, climb_q;
  logic [11:0] c2_q;
  logic [16:0] ref_q;            // 65536 and more: none yet

  // Steps along the coordinates.
  logic last2, last1, last_row;
  logic [15:0] line_next;
  logic [2:0] phase0_next, phase1_next, phase2_next;

  assign last_row = {1'b0, row_q} + 11'd1 == rows_i;
  assign last2 = i2_q + 12'd1 == cmd_i.n2;
  assign line_next = line_q + 16'(cmd_i.n2);
  assign last1 = line_next == plane_q;
  assign phase0_next = (4'(phase0_q) + 4'd1 == cmd_i.w0) ? '0 : phase0_q + 3'd1;
  assign phase1_next = (4'(phase1_q) + 4'd1 == cmd_i.w1) ? '0 : phase1_q + 3'd1;
  assign phase2_next = (4'(phase2_q) + 4'd1 == cmd_i.w2) ? '0 : phase2_q + 3'd1;

  assign plane_d = {plane_q, 1'b0} + (bits_q[11] ? 17'(cmd_i.n2) : 17'd0);

  // Climb: one more step if it stays below the limit.
  logic [16:0] climb_next;
  logic climb_on;

  assign climb_next = 17'(climb_q) + ((state_q == Climb0) ? 17'(plane_q) : 17'(cmd_i.n2));
  assign climb_on = count_q != '0
                    && climb_next < ((state_q == Climb0) ? 17'(rows_i) : 17'(plane_q));

  // Reference.
  logic [12:0] end2;
  logic [16:0] ref_d;
  logic own;

  assign end2 = 13'(i2_q) + 13'(cmd_i.o2);
  assign ref_d = 17'(c01_q) + 17'(c2_q);
  assign own = ref_d == 17'(row_q);

  // Product ref_d * x_step, two bits a cycle, on top of x_base.
  logic [9:0] digits_q;
  logic [19:0] address_q, once_q, thrice_q, addend;

  always_comb begin
    unique case (digits_q[1:0])
      2'd1: addend = once_q;
      2'd2: addend = {once_q[18:0], 1'b0};
      2'd3: addend = thrice_q;
      default: addend = '0;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
      addressing_q <= 1'b0;
    end else begin
      unique case (state_q)
        Idle: if (start_i) begin
          state_q <= cmd_i.window[0] ? Plane : Offer;
          addressing_q <= 1'b0;
        end
        Plane: if (count_q == '0) state_q <= Load0;
        Load0: state_q <= Climb0;
        Climb0: if (!climb_on) state_q <= Load1;
        Load1: state_q <= Climb1;
        Climb1: if (!climb_on) state_q <= Column;
        Column: state_q <= Reference;
        Reference: begin
          state_q <= Offer;
          addressing_q <= ref_d != ref_q && ref_d < 17'(rows_i) && !own && !cmd_i.mask[0];
        end
        default: begin  // Offer
          if (digits_q == '0) addressing_q <= 1'b0;
          if (row_valid_o && row_ready_i) begin
            if (last_row) state_q <= Idle;
            else if (!cmd_i.window[0]) state_q <= Offer;
            else if (last2 && last1 && phase0_next == '0) state_q <= Load0;
            else if (last2 && (last1 || phase1_next == '0)) state_q <= Load1;
            else state_q <= Column;
          end
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      Idle: begin
        count_q <= 4'd12;
        bits_q <= cmd_i.n1;
        plane_q <= '0;
        overflow_q <= 1'b0;
        row_q <= '0;
        x_q <= cmd_i.x_base;
        c_q <= cmd_i.c_base;
        i2_q <= '0;
        line_q <= '0;
        {phase0_q, phase1_q, phase2_q} <= '0;
        ref_q <= '1;
      end
      Plane: begin
        count_q <= count_q - 4'd1;
        bits_q <= bits_q << 1;
        overflow_q <= overflow_q || plane_d[16];
        if (count_q != '0) plane_q <= plane_d[15:0];
        else if (overflow_q) plane_q <= '1;
      end
      Load0: begin
        climb_q <= 16'(row_q);
        count_q <= 4'(cmd_i.o0);
      end
      Load1: begin
        climb_q <= line_q;
        count_q <= 4'(cmd_i.o1);
      end
      Climb0, Climb1: begin
        count_q <= count_q - 4'd1;
        if (climb_on) climb_q <= climb_next[15:0];
        if (state_q == Climb0) c0_q <= climb_q;
        else c1_q <= climb_q;
      end
      Column: begin
        if (phase2_q == '0) c2_q <= (end2 < 13'(cmd_i.n2)) ? end2[11:0] : cmd_i.n2 - 12'd1;
        c01_q <= c0_q + c1_q;
      end
      Reference: begin
        ref_q <= ref_d;
        if (ref_d != ref_q) begin
          digits_q <= ref_d[9:0];
          address_q <= own ? x_q : cmd_i.x_base;
          once_q <= cmd_i.x_step;
          thrice_q <= cmd_i.x_step + {cmd_i.x_step[18:0], 1'b0};
        end
      end
      default: begin  // Offer
        if (addressing_q) begin
          digits_q <= digits_q >> 2;
          address_q <= address_q + addend;
          once_q <= once_q << 2;
          thrice_q <= thrice_q << 2;
        end
        if (row_valid_o && row_ready_i) begin
          row_q <= row_q + 10'd1;
          x_q <= x_q + cmd_i.x_step;
          c_q <= c_q + cmd_i.c_step;
          i2_q <= last2 ? '0 : i2_q + 12'd1;
          phase2_q <= last2 ? '0 : phase2_next;
          if (last2) begin
            line_q <= last1 ? '0 : line_next;
            phase1_q <= last1 ? '0 : phase1_next;
            if (last1) phase0_q <= phase0_next;
          end
        end
      end
    endcase
  end

  // The rest of the command is for others.
  logic unused;
  assign unused = ^{cmd_i[$bits(su_t)-1:162], cmd_i[36:3], cmd_i[1]};

  assign row_valid_o = state_q == Offer && !addressing_q;
  assign row_o.row = row_q;
  assign row_o.x_addr = x_q;
  assign row_o.c_addr = c_q;
  assign row_o.ref_addr = address_q;
  assign row_o.ref_row = ref_q[SuRowBits-1:0];
  assign row_o.use_ref = cmd_i.window[0] && ref_q < 17'(rows_i) && ref_q != 17'(row_q);

endmodule
