// Instruction fetch of all contexts: reads the programs in order, INCR bursts of up to BurstInstrs
// instructions each, and offers one instruction at a time.
//
// start_valid_i: context start_context_i, which is idle, begins at start_base_i with start_length_i
// instructions. A burst never crosses 4 KiB and never leaves the program. Every context has a queue of
// Depth instructions; bursts are asked for by the contexts in turn, and come back in order. Of the contexts
// whose next instruction may go on (room_i[unit][context]; END and unknown opcodes always), those in turn
// offer theirs: instr_valid_o, with instr_context_o, until instr_ready_i. instr_error_o: the memory
// answered with an error. exhausted_o[c]: every instruction of context c was taken (there was no END).
// stop_i: ask for nothing more. idle_o: nothing is outstanding. drop_i[c]: forget what is left of
// context c's program (END was taken).
`include "fvgm_assert.svh"

module fvgm_scheduler_fetch #(
    parameter int unsigned Contexts    = 2,
    parameter int unsigned Depth       = 8,  // instructions per context
    parameter int unsigned BurstInstrs = 4,
    localparam int unsigned ContextW   = (Contexts > 1) ? $clog2(Contexts) : 1
) (
    input  logic                                                clk_i,
    input  logic                                                rst_ni,
    input  logic                                                stop_i,
    input  logic                                                start_valid_i,
    input  logic [ContextW-1:0]                                 start_context_i,
    input  logic [fvgm_scheduler_pkg::AddrW-1:0]                start_base_i,
    input  logic [31:0]                                         start_length_i,
    input  logic [Contexts-1:0]                                 drop_i,
    output logic [Contexts-1:0]                                 exhausted_o,
    output logic [Contexts-1:0]                                 clear_o,  // nothing outstanding
    output logic                                                idle_o,
    // instruction stream
    input  logic [fvgm_isa_pkg::NumUnits-1:0][Contexts-1:0]     room_i,
    output logic                                                instr_valid_o,
    input  logic                                                instr_ready_i,
    output logic [ContextW-1:0]                                 instr_context_o,
    output logic [fvgm_isa_pkg::InstrBits-1:0]                  instr_o,
    output logic                                                instr_error_o,
    // AXI4 read channel, 256 bits
    output logic                                                m_axi_arvalid,
    input  logic                                                m_axi_arready,
    output logic [fvgm_scheduler_pkg::AddrW-1:0]                m_axi_araddr,
    output logic [7:0]                                          m_axi_arlen,
    input  logic                                                m_axi_rvalid,
    output logic                                                m_axi_rready,
    input  logic [255:0]                                        m_axi_rdata,
    input  logic [1:0]                                          m_axi_rresp
);

  import fvgm_isa_pkg::*;
  import fvgm_scheduler_pkg::*;

  localparam int unsigned PtrW = $clog2(Depth);
  localparam int unsigned BurstW = $clog2(BurstInstrs) + 1;
  localparam int unsigned InstrShift = 6;  // log2 of 64 bytes
  localparam int unsigned Bursts = Contexts * (Depth / BurstInstrs) * 2;  // outstanding, 2^n

  if (Depth < 2 * BurstInstrs || (Depth & (Depth - 1)) != 0) begin : g_depth
    $error("fvgm_scheduler_fetch: Depth must be a power of two, at least 2 * BurstInstrs");
  end
  if (BurstInstrs > 64 || (BurstInstrs & (BurstInstrs - 1)) != 0) begin : g_burst
    $error("fvgm_scheduler_fetch: BurstInstrs must be a power of two, at most 64");
  end

  // what is left of the programs
  logic [Contexts-1:0][AddrW-InstrShift-1:0] next_q;  // next to ask for, units of 64 bytes
  logic [Contexts-1:0][31:0] ask_q;                   // instructions not yet asked for
  logic [Contexts-1:0][31:0] left_q;                  // instructions not yet taken by the decoder
  logic [Contexts-1:0][PtrW:0] free_q;                // places not promised to a burst
  logic [Contexts-1:0][PtrW:0] pending_q;             // instructions asked for and not yet received
  logic [Contexts-1:0][PtrW:0] write_q, read_q;
  logic [Contexts-1:0] live_q;                        // its END was not taken

  // the burst that is asked for: contexts in turn
  logic [ContextW-1:0] turn_q, asker;
  logic [BurstW-1:0] burst;
  logic wish, ask, arvalid_q;
  logic [AddrW-InstrShift-1:0] araddr_q;
  logic [BurstW-1:0] arlen_q;

  // A burst ends at the latest before its last instruction's 4 KiB page does: pages hold 64.
  function automatic logic [BurstW-1:0] burst_of(logic [5:0] first, logic [31:0] left);
    logic [6:0] to_page;
    logic [BurstW-1:0] size;
    to_page = 7'd64 - {1'b0, first};
    size = BurstW'(BurstInstrs);
    if (left < 32'(size)) size = left[BurstW-1:0];
    if (to_page < 7'(size)) size = to_page[BurstW-1:0];
    return size;
  endfunction

  // owners of the outstanding bursts, in order
  localparam int unsigned OrderW = $clog2(Bursts);
  logic [ContextW+BurstW-1:0] order_q[Bursts];
  logic [OrderW:0] order_in_q, order_out_q;
  logic [ContextW-1:0] owner;
  logic [BurstW-1:0] owner_burst, received_q;

  always_comb begin
    asker = turn_q;
    wish = 1'b0;
    for (int unsigned i = Contexts; i > 0; i--) begin
      logic [ContextW-1:0] c;
      c = (Contexts > 1) ? turn_q + ContextW'(i) : '0;
      if (ask_q[c] != '0 && free_q[c] >= (PtrW + 1)'(BurstInstrs)) begin
        asker = c;
        wish = 1'b1;
      end
    end
    burst = burst_of(next_q[asker][5:0], ask_q[asker]);
  end

  assign ask = wish && !arvalid_q && !stop_i && (order_in_q - order_out_q) != (OrderW + 1)'(Bursts);
  assign {owner, owner_burst} = order_q[order_out_q[OrderW-1:0]];

  // queues: one memory per half instruction
  logic [256:0] low_q[Contexts*Depth];
  logic [256:0] high_q[Contexts*Depth];
  logic half_q, beat, received, burst_over;
  logic [ContextW+PtrW-1:0] write_place;

  assign beat = m_axi_rvalid && m_axi_rready;
  assign received = beat && half_q;
  assign burst_over = received && received_q + 1'b1 == owner_burst;
  assign write_place = (ContextW + PtrW)'({owner, write_q[owner][PtrW-1:0]});

  // the instruction that is offered: contexts in turn
  logic [ContextW-1:0] see_q;
  logic [256:0] see_low, see_high;
  logic see_valid, see_room, load, taken, instr_valid_q, instr_error_q;
  logic [ContextW-1:0] instr_context_q;
  logic [InstrBits-1:0] instr_q;
  logic [ContextW+PtrW-1:0] see_place;

  assign see_place = (ContextW + PtrW)'({see_q, read_q[see_q][PtrW-1:0]});
  assign see_low = low_q[see_place];
  assign see_high = high_q[see_place];
  assign see_valid = live_q[see_q] && write_q[see_q] != read_q[see_q];

  always_comb begin
    case (see_low[7:0])
      OpLoad: see_room = room_i[UnitLoad][see_q];
      OpStore: see_room = room_i[UnitStore][see_q];
      OpGemm: see_room = room_i[UnitMpu][see_q];
      OpSfu: see_room = room_i[UnitSfu][see_q];
      OpSu: see_room = room_i[UnitSu][see_q];
      OpRu: see_room = room_i[UnitRu][see_q];
      default: see_room = 1'b1;
    endcase
  end

  // One instruction after another passes the check, so that the room seen here is still there.
  assign load = see_valid && (see_room || see_low[256] || see_high[256]) && !instr_valid_q;
  assign taken = instr_valid_q && instr_ready_i;

  // what happens to each context in this cycle: instructions asked for, one received, one offered;
  // the long sums follow one cycle later, while the address is offered and nothing else is asked for
  logic [Contexts-1:0][BurstW-1:0] asked, asked_q;
  logic [Contexts-1:0] came, loaded;
  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      asked[c] = (ask && asker == ContextW'(c)) ? burst : '0;
      came[c] = received && owner == ContextW'(c);
      loaded[c] = load && see_q == ContextW'(c);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      arvalid_q <= 1'b0;
      turn_q <= '0;
      see_q <= '0;
      order_in_q <= '0;
      order_out_q <= '0;
      received_q <= '0;
      half_q <= 1'b0;
      instr_valid_q <= 1'b0;
      ask_q <= '0;
      asked_q <= '0;
      left_q <= '0;
      pending_q <= '0;
      live_q <= '0;
      write_q <= '0;
      read_q <= '0;
      for (int unsigned c = 0; c < Contexts; c++) free_q[c] <= (PtrW + 1)'(Depth);
    end else begin
      if (ask) begin
        arvalid_q <= 1'b1;
        turn_q <= asker;
        order_in_q <= order_in_q + 1'b1;
      end else if (m_axi_arready) begin
        arvalid_q <= 1'b0;
      end
      if (beat) half_q <= !half_q;
      if (received) received_q <= burst_over ? '0 : received_q + 1'b1;
      if (burst_over) order_out_q <= order_out_q + 1'b1;
      if (Contexts > 1 && !instr_valid_q) see_q <= see_q + 1'b1;
      if (load) instr_valid_q <= 1'b1;
      else if (instr_ready_i) instr_valid_q <= 1'b0;
      for (int unsigned c = 0; c < Contexts; c++) begin
        ask_q[c] <= ask_q[c] - 32'(asked_q[c]);
        asked_q[c] <= asked[c];
        free_q[c] <= free_q[c] - (PtrW + 1)'(asked[c]) + (PtrW + 1)'(loaded[c]);
        pending_q[c] <= pending_q[c] + (PtrW + 1)'(asked[c]) - (PtrW + 1)'(came[c]);
        if (came[c]) write_q[c] <= write_q[c] + 1'b1;
        if (loaded[c]) read_q[c] <= read_q[c] + 1'b1;
        if (taken && instr_context_q == ContextW'(c)) left_q[c] <= left_q[c] - 1'b1;
        if (drop_i[c]) begin
          ask_q[c] <= '0;
          asked_q[c] <= '0;
          live_q[c] <= 1'b0;
        end
        if (start_valid_i && start_context_i == ContextW'(c)) begin
          live_q[c] <= 1'b1;
          ask_q[c] <= start_length_i;
          left_q[c] <= start_length_i;
          free_q[c] <= (PtrW + 1)'(Depth);
          write_q[c] <= '0;
          read_q[c] <= '0;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      if (start_valid_i && start_context_i == ContextW'(c))
        next_q[c] <= start_base_i[AddrW-1:InstrShift];
      else next_q[c] <= next_q[c] + (AddrW - InstrShift)'(asked_q[c]);
    end
    if (ask) begin
      araddr_q <= next_q[asker];
      arlen_q <= burst;
      order_q[order_in_q[OrderW-1:0]] <= {asker, burst};
    end
    if (beat && !half_q) low_q[write_place] <= {m_axi_rresp[1], m_axi_rdata};
    if (beat && half_q) high_q[write_place] <= {m_axi_rresp[1], m_axi_rdata};
    if (load) begin
      instr_context_q <= see_q;
      instr_q <= {see_high[255:0], see_low[255:0]};
      instr_error_q <= see_high[256] || see_low[256];
    end
  end

  always_comb begin
    for (int unsigned c = 0; c < Contexts; c++) begin
      exhausted_o[c] = left_q[c] == '0;
      clear_o[c] = pending_q[c] == '0;
    end
  end

  assign m_axi_arvalid = arvalid_q;
  assign m_axi_araddr = {araddr_q, InstrShift'(0)};
  assign m_axi_arlen = 8'({arlen_q, 1'b0} - 1'b1);
  assign m_axi_rready = 1'b1;
  assign idle_o = !arvalid_q && pending_q == '0;
  assign instr_valid_o = instr_valid_q;
  assign instr_context_o = instr_context_q;
  assign instr_o = instr_q;
  assign instr_error_o = instr_error_q;

  logic unused_bits;
  assign unused_bits = ^{m_axi_rresp[0], start_base_i[InstrShift-1:0]};

  `FVGM_ASSERT(StartOnlyIdle,
               start_valid_i |-> clear_o[start_context_i] && !live_q[start_context_i])
  `FVGM_ASSERT(AddressHeld, m_axi_arvalid && !m_axi_arready |=>
               m_axi_arvalid && $stable(m_axi_araddr) && $stable(m_axi_arlen))
  `FVGM_ASSERT(NoUnaskedBeat, m_axi_rvalid |-> order_in_q != order_out_q)

endmodule
